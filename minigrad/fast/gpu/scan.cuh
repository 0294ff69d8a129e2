// All steps of a recurrent layer in one launch: what lstm_scan.cu, gru_scan.cu and rnn_scan.cu
// share.
//
// The sequences of a batch do not wait for one another. So a block takes ROWS of them from the
// first step to the last, and only its own threads wait for one another. It keeps w_hh (K,H), with
// K = GATES · H, all the time: the first HELD numbers of each row in registers, the rest in shared
// memory. A thread has two roles:
//
//     in a product      thread (first, j) has row j of w_hh, on the way back column k of the block
//                       of a gate, and multiplies PER_THREAD of the block's sequences by it
//     in the equations  thread (row, k) has unit k of one sequence
//
// H, GATES, ROWS, PER_THREAD, HELD and MIN_BLOCKS are defined before this file: see Fit in fit.py.

#define K (GATES * H)
#define THREADS (ROWS / PER_THREAD * K)
#define PARTS (4 / PER_THREAD) // partial sums of a product, which do not wait for one another

// What each kernel divides up: shared_bytes in fit.py says how large it is.
extern __shared__ __align__(16) unsigned char shared_memory[];

// One direction of a layer. An array has 0 where there is none.
struct Direction {
    long long reverse;         // whether each sequence is read from its end
    T *gates;                  // (T,B,K): w_ih x, and from the forward pass on what each .cu says
    const T *w_hh, *b_ih, *b_hh;
    const T *h0, *c0;          // (B,H)
    T *h_before, *saved;       // (T,B,H): h_{t-1}; c_{t-1} of an LSTM, u_n of a GRU
    T *h_n, *c_n;              // (B,H)
    const T *dh_n, *dc_n;      // (B,H)
    T *da, *du;                // (T,B,K): the gradients of w_ih x and of w_hh h_{t-1}
    T *dh0, *dc0;              // (B,H), where they are asked for
};

// A layer. (T,B,·) is a matrix with a row for each time of each sequence, in any order.
struct Scan {
    long long steps, batch;
    long long time_stride, batch_stride; // rows from one time, one sequence, to the next
    long long width;           // of hs: H for each direction
    long long relu;            // in place of an RNN's tanh
    const long long *order;    // (B,): the sequences by falling length
    const long long *lengths;  // (B,): how many steps each has
    T *hs;                     // (T,B,width)
    const T *dhs;              // (T,B,width)
    T *db;                     // (B, directions, 2, K): ∂b_ih and ∂b_hh of each sequence
    Direction direction[2];    // blockIdx.y is the number of one
};

// The sequence of a thread (row, k).
struct Sequence {
    int number;   // in the batch
    int steps;    // 0 for a thread that has none
    int k;        // its unit
    bool reverse;

    // The row of a time, and that of a step.
    __device__ __forceinline__ long long row_of_time(const Scan &scan, int time) const
    {
        return time * scan.time_stride + number * scan.batch_stride;
    }

    __device__ __forceinline__ long long row_of_step(const Scan &scan, int t) const
    {
        return row_of_time(scan, reverse ? steps - 1 - t : t);
    }
};

// How many steps the sequence in a place of the order has; 0 after the last one.
__device__ __forceinline__ int steps_of(const Scan &scan, long long place)
{
    if (place >= scan.batch)
        return 0;
    return scan.lengths ? (int)scan.lengths[scan.order[place]] : (int)scan.steps;
}

// The sequence of thread (row, k) of this block.
__device__ __forceinline__ Sequence sequence_of_thread(const Scan &scan)
{
    int row = threadIdx.x / H;
    long long place = (long long)blockIdx.x * ROWS + row;
    Sequence s = {0, 0, (int)threadIdx.x % H, scan.direction[blockIdx.y].reverse != 0};
    if (row < ROWS && place < scan.batch) {
        s.number = scan.order ? (int)scan.order[place] : (int)place;
        s.steps = steps_of(scan, place);
    }
    return s;
}

// Whether thread (row, k) has a sequence at all, also one of 0 steps.
__device__ __forceinline__ bool has_sequence(const Scan &scan)
{
    int row = threadIdx.x / H;
    return row < ROWS && (long long)blockIdx.x * ROWS + row < scan.batch;
}

// A number of an array that may be missing.
__device__ __forceinline__ T number_or_0(const T *array, long long at)
{
    return array ? array[at] : (T)0;
}

// The gradient that arrives from above at a row of hs.
__device__ __forceinline__ T gradient_from_above(const Scan &scan, long long at, int k)
{
    return number_or_0(scan.dhs, at * scan.width + blockIdx.y * H + k);
}

// ∂b_ih and, K further on, ∂b_hh of one sequence at unit k.
__device__ __forceinline__ T *bias_gradients(const Scan &scan, const Sequence &s)
{
    return scan.db + ((long long)s.number * gridDim.y + blockIdx.y) * 2 * K + s.k;
}

// Zeros in hs and h_before after the end of a sequence.
__device__ __forceinline__ void pad_states(
    const Scan &scan, const Direction &d, const Sequence &s)
{
    for (int time = s.steps; time < scan.steps; time++) {
        const long long at = s.row_of_time(scan, time);
        scan.hs[at * scan.width + blockIdx.y * H + s.k] = 0;
        d.h_before[at * H + s.k] = 0;
    }
}

// Row j of w_hh, or on the way back column k of the block of a gate, for thread j = gate · H + k.
__device__ __forceinline__ void keep_weights(
    T (&held)[HELD], T *rest, const T *w_hh, int j, bool back)
{
    long long start = back ? (long long)(j / H) * H * H + j % H : (long long)j * H;
    int stride = back ? H : 1;
#pragma unroll
    for (int m = 0; m < HELD; m++)
        held[m] = w_hh[start + m * stride];
    if (threadIdx.x < K) { // what is in shared memory serves all threads with the same j
        for (int m = HELD; m < H; m++)
            rest[(m - HELD) * K + j] = w_hh[start + m * stride];
    }
}

// sum[i] = Σ_m w[m] v[i · stride + m]: a thread's part of a product. v is in shared memory.
__device__ __forceinline__ void multiply(
    T (&sum)[PER_THREAD], const T (&held)[HELD], const T *rest, int j, const T *v, int stride)
{
    T part[PER_THREAD][PARTS] = {};
#pragma unroll
    for (int m = 0; m < HELD; m++) {
#pragma unroll
        for (int i = 0; i < PER_THREAD; i++)
            part[i][m % PARTS] += held[m] * v[i * stride + m];
    }
#pragma unroll
    for (int m = HELD; m < H; m++) {
        T w = rest[(m - HELD) * K + j];
#pragma unroll
        for (int i = 0; i < PER_THREAD; i++)
            part[i][m % PARTS] += w * v[i * stride + m];
    }
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) {
        sum[i] = part[i][0];
#pragma unroll
        for (int p = 1; p < PARTS; p++)
            sum[i] += part[i][p];
    }
}

// u (ROWS,K) = w_hh h for the sequences of the block: a thread's part.
__device__ __forceinline__ void multiply_states(
    T *u, const T (&held)[HELD], const T *rest, const T *h)
{
    int j = threadIdx.x % K;
    int first = threadIdx.x / K * PER_THREAD;
    T sum[PER_THREAD];
    multiply(sum, held, rest, j, h + first * H, H);
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++)
        u[(first + i) * K + j] = sum[i];
}

// part (GATES,ROWS,H): w_hhᵀ ∂u, gate by gate, for the sequences of the block: a thread's part.
__device__ __forceinline__ void multiply_gradients(
    T *part, const T (&held)[HELD], const T *rest, const T *du)
{
    int j = threadIdx.x % K;
    int gate = j / H;
    int first = threadIdx.x / K * PER_THREAD;
    T sum[PER_THREAD];
    multiply(sum, held, rest, j, du + first * K + gate * H, K);
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++)
        part[(gate * ROWS + first + i) * H + j % H] = sum[i];
}

// w_hhᵀ ∂u at thread (row, k): the sum over the gates.
__device__ __forceinline__ T sum_of_gates(const T *part)
{
    T sum = part[threadIdx.x];
#pragma unroll
    for (int gate = 1; gate < GATES; gate++)
        sum += part[gate * ROWS * H + threadIdx.x];
    return sum;
}
