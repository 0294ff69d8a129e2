// x (rows,width) with 0 after the end of each sequence. The time `time` of sequence `number` is the
// row time · time_stride + number · batch_stride.

extern "C" __global__ void without_padding(
    long long n, T *out, const T *x, const long long *lengths, long long width, long long steps,
    long long batch, long long time_stride, long long batch_stride)
{
    FOR_EACH(i, n) {
        long long row = i / width;
        long long time = row / time_stride % steps;
        long long number = row / batch_stride % batch;
        out[i] = time < lengths[number] ? x[i] : (T)0;
    }
}
