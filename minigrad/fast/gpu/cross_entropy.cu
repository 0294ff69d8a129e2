// softmax_cross_entropy for few classes V: the lines of minigrad/byhand/softmax_cross_entropy.py.

// The loss of each row, and its softmax: a thread for each of the n rows.
extern "C" __global__ void losses_of_rows(
    long long n, T *losses, T *softmax, const T *logits, const long long *targets, long long V,
    long long ignore_index, long long *device_fault, long long *host_fault, long long code)
{
    FOR_EACH(row, n) {
        const T *x = logits + row * V;
        T *p = softmax + row * V;
        T largest = x[0];
        for (long long v = 1; v < V; v++)
            largest = x[v] > largest ? x[v] : largest;
        T total = 0;
        for (long long v = 0; v < V; v++) {
            p[v] = exp(x[v] - largest); // cannot overflow
            total += p[v];
        }
        for (long long v = 0; v < V; v++)
            p[v] /= total;

        const long long target = targets[row];
        losses[row] = 0;
        if (target == ignore_index)
            continue;
        if (target < 0 || target >= V)
            *device_fault = *host_fault = fault_word(code, target);
        else
            losses[row] = log(total) - (x[target] - largest);
    }
}

// The sum of n losses, and what a row that counts adds to it: 1, or 1/count in their mean. By one
// block.
extern "C" __global__ void total_of_losses(
    long long n, T *loss, T *weight, const T *losses, const long long *targets,
    long long ignore_index, long long is_mean)
{
    T sum = 0, counted = 0;
    FOR_EACH(row, n) {
        sum += losses[row];
        counted += targets[row] != ignore_index;
    }
    sum = sum_of_block(sum);
    counted = sum_of_block(counted);
    if (threadIdx.x == 0) {
        *weight = is_mean ? 1 / counted : (T)1;
        *loss = is_mean ? sum / counted : sum; // of no row: 0 / 0, NaN
    }
}

// The gradient of the logits, for n = rows · V numbers. g has one number for each row, or, where
// there is a weight, one for all.
extern "C" __global__ void losses_back(
    long long n, T *dlogits, const T *softmax, const long long *targets, const T *g,
    const T *weight, long long V, long long ignore_index)
{
    FOR_EACH(i, n) {
        long long row = i / V;
        T dy = weight ? *g * *weight : g[row];
        if (targets[row] == ignore_index)
            dy = 0;
        dlogits[i] = dy * (softmax[i] - (T)(targets[row] == i % V));
    }
}
