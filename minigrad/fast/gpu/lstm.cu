// One step of an LSTM and its way back, for n = rows · H numbers: the equations of
// minigrad/byhand/lstm.py. gates holds w_ih x (rows,4H), and after the step i, f, g, o; u = w_hh
// h_{t-1}.

extern "C" __global__ void lstm_step(
    long long n, T *gates, const T *u, const T *b_ih, const T *b_hh, const T *h_before,
    const T *c_before, T *h, T *c, long long H)
{
    FOR_EACH(index, n) {
        int j = (int)index % (int)H; // a division of 64 bits takes longer than all else here
        int k = (int)index / (int)H * 4 * H + j;
        T a_i = gates[k] + b_ih[j] + u[k] + b_hh[j];
        T a_f = gates[k + H] + b_ih[j + H] + u[k + H] + b_hh[j + H];
        T a_g = gates[k + 2 * H] + b_ih[j + 2 * H] + u[k + 2 * H] + b_hh[j + 2 * H];
        T a_o = gates[k + 3 * H] + b_ih[j + 3 * H] + u[k + 3 * H] + b_hh[j + 3 * H];
        T i = sigmoid(a_i), f = sigmoid(a_f), g = tanh(a_g), o = sigmoid(a_o);
        gates[k] = i;
        gates[k + H] = f;
        gates[k + 2 * H] = g;
        gates[k + 3 * H] = o;
        c[index] = f * c_before[index] + i * g;
        h[index] = o * tanh(c[index]);
    }
}

extern "C" __global__ void lstm_back(
    long long n, T *da, T *du, const T *gates, const T *u, const T *h_before, const T *c_before,
    const T *h, const T *c, const T *dhs, const T *dh_from_next, T *dh, T *dc, long long H)
{
    FOR_EACH(index, n) {
        int k = (int)index / (int)H * 4 * H + (int)index % (int)H;
        T i = gates[k], f = gates[k + H], g = gates[k + 2 * H], o = gates[k + 3 * H];
        T y = tanh(c[index]);
        T dh_t = dh[index] + dh_from_next[index] + (dhs ? dhs[index] : 0);
        T dc_t = dc[index] + dh_t * o * (1 - y * y);
        da[k] = dc_t * g * i * (1 - i);
        da[k + H] = dc_t * c_before[index] * f * (1 - f);
        da[k + 2 * H] = dc_t * i * (1 - g * g);
        da[k + 3 * H] = dh_t * y * o * (1 - o);
        dc[index] = dc_t * f;
        dh[index] = 0;
    }
}
