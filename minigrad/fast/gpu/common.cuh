// What comes before every file of kernels: Kernel.source in source.py puts them together, after a
// typedef of T as float or double.

// The loop of a kernel over i from 0 to n - 1, whatever the number of threads.
#define FOR_EACH(i, n) \
    _Pragma("unroll 1") \
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; \
         i += (long long)blockDim.x * gridDim.x)

// σ(x) = ½ tanh(x/2) + ½, for gates: it rounds as numbers near 1 do.
__device__ __forceinline__ T sigmoid(T x)
{
    return (T)0.5 * tanh((T)0.5 * x) + (T)0.5;
}

// A fault as one number: its code and the value that is wrong. Kernels.raise_faults reads it.
__device__ __forceinline__ long long fault_word(long long code, long long value)
{
    return code << 48 | (value & 0xffffffffffff);
}

// A table passed by value, so that one launch serves many parameters. Its layout is TABLE in
// kernels.py.
struct Row {
    long long size, number;
    T *p, *g, *state[3];
};

struct Table {
    Row rows[64];
};

// The parameter that holds number j of all parameters in a row; j becomes the place in that
// parameter.
__device__ __forceinline__ const Row &row_of(const Table &table, long long &j)
{
    int k = 0;
    while (j >= table.rows[k].size) {
        j -= table.rows[k].size;
        k++;
    }
    return table.rows[k];
}
