// One step of an RNN and its way back, for n = rows · H numbers: the equations of
// minigrad/byhand/rnn.py. a = w_ih x, u = w_hh h_{t-1}. dh_from_next is w_hhᵀ ∂a of step t + 1; dh
// holds the gradient of h_n until the row ends.

extern "C" __global__ void rnn_step(
    long long n, const T *a, const T *u, const T *b_ih, const T *b_hh, const T *h_before, T *h,
    long long H, long long relu)
{
    FOR_EACH(i, n) {
        int j = (int)i % (int)H;
        T sum = a[i] + b_ih[j] + u[i] + b_hh[j];
        h[i] = relu ? (sum > 0 ? sum : 0) : tanh(sum);
    }
}

extern "C" __global__ void rnn_back(
    long long n, T *da, T *du, const T *a, const T *u, const T *h_before, const T *h, const T *dhs,
    const T *dh_from_next, T *dh, long long H, long long relu)
{
    FOR_EACH(i, n) {
        T dh_t = dh[i] + dh_from_next[i] + (dhs ? dhs[i] : 0);
        da[i] = dh_t * (relu ? h[i] > 0 : 1 - h[i] * h[i]);
        dh[i] = 0;
    }
}
