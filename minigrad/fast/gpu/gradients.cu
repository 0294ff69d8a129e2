// The norm of all gradients, taken as one vector, and their scaling to it: nn/utils.

// Σ g² of the n numbers of a table, of which each block has a part.
extern "C" __global__ void squares(long long n, T *parts, Table table)
{
    T sum = 0;
    FOR_EACH(i, n) {
        long long j = i;
        const Row &row = row_of(table, j);
        sum += row.g[j] * row.g[j];
    }
    sum = sum_of_block(sum);
    if (threadIdx.x == 0)
        parts[blockIdx.x] = sum;
}

// The root of the sum of n parts. By one block.
extern "C" __global__ void root_of_sum(long long n, T *norm, const T *parts)
{
    T sum = 0;
    FOR_EACH(i, n)
        sum += parts[i];
    sum = sum_of_block(sum);
    if (threadIdx.x == 0)
        *norm = sqrt(sum);
}

// g times min(1, max_norm / (norm + 1e-6)), NaN where the norm is.
extern "C" __global__ void scale(long long n, Table table, const T *norm, T max_norm)
{
    const T factor = max_norm / (*norm + (T)1e-6);
    FOR_EACH(i, n) {
        long long j = i;
        row_of(table, j).g[j] *= factor > 1 ? (T)1 : factor;
    }
}
