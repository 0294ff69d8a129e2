// Checks without waiting for the GPU: what is wrong goes to device_fault, which stops the kernels of
// the optimizers, and to host_fault, which the host reads the next time that a value comes there.

extern "C" __global__ void outside(
    long long n, long long *device_fault, long long *host_fault,
    const long long *ids, long long low, long long high, long long code)
{
    FOR_EACH(i, n) {
        if (ids[i] < low || ids[i] >= high)
            *device_fault = *host_fault = fault_word(code, ids[i]);
    }
}

extern "C" __global__ void not_finite(
    long long n, long long *device_fault, long long *host_fault, Table table, long long code)
{
    if (*device_fault)
        return;
    FOR_EACH(i, n) {
        long long j = i;
        const Row &row = row_of(table, j);
        if (!isfinite(row.g[j]))
            *device_fault = *host_fault = fault_word(code, row.number);
    }
}
