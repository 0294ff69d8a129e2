// Sums over the threads of a block, whose shared memory has a T for each of them.

extern __shared__ __align__(16) unsigned char shared_memory[];

// Σ number over the threads, in each of them, always in the same order. All threads call it.
__device__ __forceinline__ T sum_of_block(T number)
{
    T *sums = (T *)shared_memory;
    sums[threadIdx.x] = number;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half)
            sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    __syncthreads();
    T total = sums[0];
    __syncthreads(); // so that the next sum can begin
    return total;
}
