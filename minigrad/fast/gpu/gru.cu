// One step of a GRU (reset_after) and its way back, for size = rows · H numbers: the equations of
// minigrad/byhand/gru.py. gates holds w_ih x (rows,3H), and after the step r, z, n; u = w_hh
// h_{t-1}, of which the last block gets its bias.

extern "C" __global__ void gru_step(
    long long size, T *gates, T *u, const T *b_ih, const T *b_hh, const T *h_before, T *h,
    long long H)
{
    FOR_EACH(i, size) {
        int j = (int)i % (int)H;
        int k = (int)i / (int)H * 3 * H + j;
        T r = sigmoid(gates[k] + b_ih[j] + u[k] + b_hh[j]);
        T z = sigmoid(gates[k + H] + b_ih[j + H] + u[k + H] + b_hh[j + H]);
        T u_n = u[k + 2 * H] + b_hh[j + 2 * H];
        T n = tanh(gates[k + 2 * H] + b_ih[j + 2 * H] + r * u_n);
        gates[k] = r;
        gates[k + H] = z;
        gates[k + 2 * H] = n;
        u[k + 2 * H] = u_n;
        h[i] = n + z * (h_before[i] - n);
    }
}

extern "C" __global__ void gru_back(
    long long size, T *da, T *du, const T *gates, const T *u, const T *h_before, const T *h,
    const T *dhs, const T *dh_from_next, T *dh, long long H)
{
    FOR_EACH(i, size) {
        int k = (int)i / (int)H * 3 * H + (int)i % (int)H;
        T r = gates[k], z = gates[k + H], n = gates[k + 2 * H], u_n = u[k + 2 * H];
        T dh_t = dh[i] + dh_from_next[i] + (dhs ? dhs[i] : 0);
        T da_n = dh_t * (1 - z) * (1 - n * n);
        T da_r = da_n * u_n * r * (1 - r);
        T da_z = dh_t * (h_before[i] - n) * z * (1 - z);
        da[k] = du[k] = da_r;
        da[k + H] = du[k + H] = da_z;
        da[k + 2 * H] = da_n;
        du[k + 2 * H] = da_n * r;
        dh[i] = dh_t * z;
    }
}
