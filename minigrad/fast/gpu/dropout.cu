// SplitMix64 (Steele, Lea & Flood 2014): its i-th number is a function of key and i, so no thread
// waits for another.

extern "C" __global__ void draw_mask(long long n, T *mask, long long key, T p, T scale)
{
    FOR_EACH(i, n) {
        unsigned long long z = (unsigned long long)(i + 1) * 0x9e3779b97f4a7c15;
        z += (unsigned long long)key;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        z ^= z >> 31;
        T uniform = (z >> 40) * (T)(1.0 / 16777216); // 24 bits, in [0, 1)
        mask[i] = uniform >= p ? scale : (T)0;
    }
}
