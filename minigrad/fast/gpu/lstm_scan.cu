// All steps of an LSTM and of its way back: the equations of minigrad/byhand/lstm.py. The forward
// pass leaves i, f, g, o in `gates` and c_{t-1} in `saved`.

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS) lstm_scan(Scan scan)
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
    T b[4];
#pragma unroll
    for (int gate = 0; gate < 4; gate++)
        b[gate] = number_or_0(d.b_ih, gate * H + k) + number_or_0(d.b_hh, gate * H + k);
    T h = mine ? d.h0[s.number * H + k] : (T)0;
    T c = mine ? d.c0[s.number * H + k] : (T)0;
    if (row < ROWS)
        h_shared[row * H + k] = h;
    __syncthreads();

    const int longest = steps_of(scan, (long long)blockIdx.x * ROWS);
    for (int t = 0; t < longest; t++) {
        const bool runs = t < s.steps;
        const long long at = s.row_of_step(scan, t);
        T *gates = d.gates + at * K + k;
        T a_i = 0, a_f = 0, a_g = 0, a_o = 0;
        if (runs) { // read before the product, which takes as long
            a_i = gates[0] + b[0];
            a_f = gates[H] + b[1];
            a_g = gates[2 * H] + b[2];
            a_o = gates[3 * H] + b[3];
        }
        multiply_states(u, held, rest, h_shared);
        __syncthreads();
        if (runs) {
            const T *u_row = u + row * K + k;
            T i = sigmoid(a_i + u_row[0]);
            T f = sigmoid(a_f + u_row[H]);
            T g = tanh(a_g + u_row[2 * H]);
            T o = sigmoid(a_o + u_row[3 * H]);
            gates[0] = i;
            gates[H] = f;
            gates[2 * H] = g;
            gates[3 * H] = o;
            d.h_before[at * H + k] = h;
            d.saved[at * H + k] = c;
            c = f * c + i * g;
            h = o * tanh(c);
            scan.hs[at * scan.width + blockIdx.y * H + k] = h;
            h_shared[row * H + k] = h;
        }
        __syncthreads();
    }
    if (!mine)
        return;
    d.h_n[s.number * H + k] = h;
    d.c_n[s.number * H + k] = c;
    pad_states(scan, d, s);
}

// What the way back reads at a step.
struct Saved {
    T i, f, g, o, c_before, dh;
};

__device__ __forceinline__ Saved saved_at(
    const Scan &scan, const Direction &d, const Sequence &s, int t)
{
    const long long at = s.row_of_step(scan, t);
    const T *gates = d.gates + at * K + s.k;
    return {gates[0], gates[H], gates[2 * H], gates[3 * H], d.saved[at * H + s.k],
            gradient_from_above(scan, at, s.k)};
}

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS) lstm_scan_back(Scan scan)
{
    T *rest = (T *)shared_memory;  // (H - HELD, K)
    T *da = rest + (H - HELD) * K; // (ROWS,K)
    T *part = da + ROWS * K;       // (4,ROWS,H)
    const Direction &d = scan.direction[blockIdx.y];
    const Sequence s = sequence_of_thread(scan);
    const bool mine = has_sequence(scan);
    const int k = s.k, row = threadIdx.x / H;
    T held[HELD];
    keep_weights(held, rest, d.w_hh, threadIdx.x % K, true);
    for (int n = threadIdx.x; n < ROWS * K; n += THREADS)
        da[n] = 0;
    T dh = mine ? number_or_0(d.dh_n, s.number * H + k) : (T)0;
    T dc = mine ? number_or_0(d.dc_n, s.number * H + k) : (T)0;
    T db[4] = {};
    Saved saved = {};
    if (s.steps > 0)
        saved = saved_at(scan, d, s, s.steps - 1);
    __syncthreads();

    const int longest = steps_of(scan, (long long)blockIdx.x * ROWS);
    for (int t = longest - 1; t >= 0; t--) {
        const bool runs = t < s.steps;
        if (runs) {
            T i = saved.i, f = saved.f, g = saved.g, o = saved.o;
            T c = f * saved.c_before + i * g;
            T y = tanh(c);
            T dh_t = dh + saved.dh;
            T dc_t = dc + dh_t * o * (1 - y * y);
            T da_i = dc_t * g * i * (1 - i);
            T da_f = dc_t * saved.c_before * f * (1 - f);
            T da_g = dc_t * i * (1 - g * g);
            T da_o = dh_t * y * o * (1 - o);
            dc = dc_t * f;

            T *da_row = da + row * K + k;
            T *da_out = d.da + s.row_of_step(scan, t) * K + k;
            da_row[0] = da_out[0] = da_i;
            da_row[H] = da_out[H] = da_f;
            da_row[2 * H] = da_out[2 * H] = da_g;
            da_row[3 * H] = da_out[3 * H] = da_o;
            db[0] += da_i;
            db[1] += da_f;
            db[2] += da_g;
            db[3] += da_o;
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
    if (d.dc0)
        d.dc0[s.number * H + k] = dc;
    T *db_out = bias_gradients(scan, s);
#pragma unroll
    for (int gate = 0; gate < 4; gate++)
        db_out[gate * H] = db_out[K + gate * H] = db[gate];
    for (int time = s.steps; time < scan.steps; time++) {
        T *da_out = d.da + s.row_of_time(scan, time) * K + k;
        da_out[0] = da_out[H] = da_out[2 * H] = da_out[3 * H] = 0;
    }
}
