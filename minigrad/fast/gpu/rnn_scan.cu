// All steps of an RNN and of its way back: the equations of minigrad/byhand/rnn.py. The forward
// pass leaves h_t in `gates`.

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS) rnn_scan(Scan scan)
{
    T *rest = (T *)shared_memory;        // (H - HELD, K)
    T *h_shared = rest + (H - HELD) * K; // (ROWS,H)
    T *u = h_shared + ROWS * H;          // (ROWS,K)
    const Direction &d = scan.direction[blockIdx.y];
    const Sequence s = sequence_of_thread(scan);
    const bool mine = has_sequence(scan);
    const int k = s.k, row = threadIdx.x / H;
    T held[HELD];
    keep_weights(held, rest, d.w_hh, threadIdx.x % K, false);
    const T b = number_or_0(d.b_ih, k) + number_or_0(d.b_hh, k);
    T h = mine ? d.h0[s.number * H + k] : (T)0;
    if (row < ROWS)
        h_shared[row * H + k] = h;
    __syncthreads();

    const int longest = steps_of(scan, (long long)blockIdx.x * ROWS);
    for (int t = 0; t < longest; t++) {
        const bool runs = t < s.steps;
        const long long at = s.row_of_step(scan, t);
        T a = runs ? d.gates[at * K + k] + b : (T)0; // read before the product
        multiply_states(u, held, rest, h_shared);
        __syncthreads();
        if (runs) {
            a += u[row * K + k];
            d.h_before[at * H + k] = h;
            h = scan.relu ? (a > 0 ? a : (T)0) : tanh(a);
            d.gates[at * K + k] = h;
            scan.hs[at * scan.width + blockIdx.y * H + k] = h;
            h_shared[row * H + k] = h;
        }
        __syncthreads();
    }
    if (!mine)
        return;
    d.h_n[s.number * H + k] = h;
    pad_states(scan, d, s);
}

// What the way back reads at a step.
struct Saved {
    T h, dh;
};

__device__ __forceinline__ Saved saved_at(
    const Scan &scan, const Direction &d, const Sequence &s, int t)
{
    const long long at = s.row_of_step(scan, t);
    return {d.gates[at * K + s.k], gradient_from_above(scan, at, s.k)};
}

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS) rnn_scan_back(Scan scan)
{
    T *rest = (T *)shared_memory;  // (H - HELD, K)
    T *da = rest + (H - HELD) * K; // (ROWS,K)
    T *part = da + ROWS * K;       // (1,ROWS,H)
    const Direction &d = scan.direction[blockIdx.y];
    const Sequence s = sequence_of_thread(scan);
    const bool mine = has_sequence(scan);
    const int k = s.k, row = threadIdx.x / H;
    T held[HELD];
    keep_weights(held, rest, d.w_hh, threadIdx.x % K, true);
    for (int n = threadIdx.x; n < ROWS * K; n += THREADS)
        da[n] = 0;
    T dh = mine ? number_or_0(d.dh_n, s.number * H + k) : (T)0;
    T db = 0;
    Saved saved = {};
    if (s.steps > 0)
        saved = saved_at(scan, d, s, s.steps - 1);
    __syncthreads();

    const int longest = steps_of(scan, (long long)blockIdx.x * ROWS);
    for (int t = longest - 1; t >= 0; t--) {
        const bool runs = t < s.steps;
        if (runs) {
            T h = saved.h;
            T da_t = (dh + saved.dh) * (scan.relu ? (T)(h > 0) : 1 - h * h);
            da[row * K + k] = d.da[s.row_of_step(scan, t) * K + k] = da_t;
            db += da_t;
            if (t > 0) // read before the product, which takes as long
                saved = saved_at(scan, d, s, t - 1);
        }
        __syncthreads();
        multiply_gradients(part, held, rest, da);
        __syncthreads();
        if (runs)
            dh = sum_of_gates(part);
    }
    if (!mine)
        return;
    if (d.dh0)
        d.dh0[s.number * H + k] = dh;
    T *db_out = bias_gradients(scan, s);
    db_out[0] = db_out[K] = db;
    for (int time = s.steps; time < scan.steps; time++)
        d.da[s.row_of_time(scan, time) * K + k] = 0;
}
