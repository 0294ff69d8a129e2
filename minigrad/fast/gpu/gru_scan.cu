// All steps of a GRU (reset_after) and of its way back: the equations of minigrad/byhand/gru.py.
// The forward pass leaves r, z, n in `gates` and u_n in `saved`.

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS) gru_scan(Scan scan)
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
    const T b_r = number_or_0(d.b_ih, k) + number_or_0(d.b_hh, k);
    const T b_z = number_or_0(d.b_ih, H + k) + number_or_0(d.b_hh, H + k);
    const T b_an = number_or_0(d.b_ih, 2 * H + k);
    const T b_un = number_or_0(d.b_hh, 2 * H + k);
    T h = mine ? d.h0[s.number * H + k] : (T)0;
    if (row < ROWS)
        h_shared[row * H + k] = h;
    __syncthreads();

    const int longest = steps_of(scan, (long long)blockIdx.x * ROWS);
    for (int t = 0; t < longest; t++) {
        const bool runs = t < s.steps;
        const long long at = s.row_of_step(scan, t);
        T *gates = d.gates + at * K + k;
        T a_r = 0, a_z = 0, a_n = 0;
        if (runs) { // read before the product, which takes as long
            a_r = gates[0] + b_r;
            a_z = gates[H] + b_z;
            a_n = gates[2 * H] + b_an;
        }
        multiply_states(u, held, rest, h_shared);
        __syncthreads();
        if (runs) {
            const T *u_row = u + row * K + k;
            T r = sigmoid(a_r + u_row[0]);
            T z = sigmoid(a_z + u_row[H]);
            T u_n = u_row[2 * H] + b_un;
            T n = tanh(a_n + r * u_n);
            gates[0] = r;
            gates[H] = z;
            gates[2 * H] = n;
            d.h_before[at * H + k] = h;
            d.saved[at * H + k] = u_n;
            h = n + z * (h - n);
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
    T r, z, n, u_n, h_before, dh;
};

__device__ __forceinline__ Saved saved_at(
    const Scan &scan, const Direction &d, const Sequence &s, int t)
{
    const long long at = s.row_of_step(scan, t);
    const T *gates = d.gates + at * K + s.k;
    return {gates[0], gates[H], gates[2 * H], d.saved[at * H + s.k], d.h_before[at * H + s.k],
            gradient_from_above(scan, at, s.k)};
}

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS) gru_scan_back(Scan scan)
{
    T *rest = (T *)shared_memory;  // (H - HELD, K)
    T *du = rest + (H - HELD) * K; // (ROWS,K)
    T *part = du + ROWS * K;       // (3,ROWS,H)
    const Direction &d = scan.direction[blockIdx.y];
    const Sequence s = sequence_of_thread(scan);
    const bool mine = has_sequence(scan);
    const int k = s.k, row = threadIdx.x / H;
    T held[HELD];
    keep_weights(held, rest, d.w_hh, threadIdx.x % K, true);
    for (int n = threadIdx.x; n < ROWS * K; n += THREADS)
        du[n] = 0;
    T dh = mine ? number_or_0(d.dh_n, s.number * H + k) : (T)0;
    T db_r = 0, db_z = 0, db_an = 0, db_un = 0;
    Saved saved = {};
    if (s.steps > 0)
        saved = saved_at(scan, d, s, s.steps - 1);
    __syncthreads();

    const int longest = steps_of(scan, (long long)blockIdx.x * ROWS);
    for (int t = longest - 1; t >= 0; t--) {
        const bool runs = t < s.steps;
        if (runs) {
            T r = saved.r, z = saved.z, n = saved.n;
            T dh_t = dh + saved.dh;
            T da_n = dh_t * (1 - z) * (1 - n * n);
            T da_z = dh_t * (saved.h_before - n) * z * (1 - z);
            T da_r = da_n * saved.u_n * r * (1 - r);
            T du_n = da_n * r;
            dh = dh_t * z;

            const long long at = s.row_of_step(scan, t) * K + k;
            T *du_row = du + row * K + k;
            du_row[0] = d.da[at] = d.du[at] = da_r;
            du_row[H] = d.da[at + H] = d.du[at + H] = da_z;
            d.da[at + 2 * H] = da_n;
            du_row[2 * H] = d.du[at + 2 * H] = du_n;
            db_r += da_r;
            db_z += da_z;
            db_an += da_n;
            db_un += du_n;
            if (t > 0) // read before the product, which takes as long
                saved = saved_at(scan, d, s, t - 1);
        }
        __syncthreads();
        multiply_gradients(part, held, rest, du);
        __syncthreads();
        if (runs)
            dh += sum_of_gates(part);
    }
    if (!mine)
        return;
    if (d.dh0)
        d.dh0[s.number * H + k] = dh;
    T *db_out = bias_gradients(scan, s);
    db_out[0] = db_out[K] = db_r;
    db_out[H] = db_out[K + H] = db_z;
    db_out[2 * H] = db_an;
    db_out[K + 2 * H] = db_un;
    for (int time = s.steps; time < scan.steps; time++) {
        const long long at = s.row_of_time(scan, time) * K + k;
        d.da[at] = d.da[at + H] = d.da[at + 2 * H] = 0;
        d.du[at] = d.du[at + H] = d.du[at + 2 * H] = 0;
    }
}
