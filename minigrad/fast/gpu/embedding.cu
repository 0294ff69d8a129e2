// Rows of a table by number: `embedding` of minigrad/ops/indexing.py, and its gradient. A row has
// `width` numbers.

// out = weight[ids], for its n numbers; a fault for an id that is no row.
extern "C" __global__ void pick_rows(
    long long n, T *out, const T *weight, const long long *ids, long long width, long long rows,
    long long *device_fault, long long *host_fault, long long code)
{
    FOR_EACH(i, n) {
        const long long id = ids[i / width];
        if (id >= 0 && id < rows)
            out[i] = weight[id * width + i % width];
        else
            *device_fault = *host_fault = fault_word(code, id);
    }
}

// dweight[ids] += g, for the n numbers of g; nothing is added to the row padding_idx.
extern "C" __global__ void add_rows(
    long long n, T *dweight, const T *g, const long long *ids, long long width, long long rows,
    long long padding_idx)
{
    FOR_EACH(i, n) {
        const long long id = ids[i / width];
        if (id >= 0 && id < rows && id != padding_idx)
            atomicAdd(dweight + id * width + i % width, g[i]);
    }
}
