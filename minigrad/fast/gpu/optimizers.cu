// One step of all parameters: the formulas of nn/optim. Nothing changes while device_fault is set.
// sign is -1 where the gradient is followed upwards.

extern "C" __global__ void sgd(
    long long n, const long long *device_fault, Table table, T sign,
    T lr, T momentum, T gradient_share, T weight_decay, long long nesterov)
{
    if (*device_fault)
        return;
    FOR_EACH(i, n) {
        long long j = i;
        const Row &row = row_of(table, j);
        T &p = row.p[j];
        T g = sign * row.g[j] + weight_decay * p;
        if (momentum) {
            T &v = row.state[0][j];
            v = momentum * v + gradient_share * g;
            g = nesterov ? g + momentum * v : v;
        }
        p -= lr * g;
    }
}

extern "C" __global__ void adam(
    long long n, const long long *device_fault, Table table, T sign,
    T lr_t, T beta1, T one_minus_beta1, T beta2, T one_minus_beta2, T eps_t, T weight_decay,
    T p_factor)
{
    if (*device_fault)
        return;
    FOR_EACH(i, n) {
        long long j = i;
        const Row &row = row_of(table, j);
        T &p = row.p[j], &m = row.state[0][j], &v = row.state[1][j];
        p *= p_factor;
        T g = sign * row.g[j] + weight_decay * p;
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * (g * g);
        p -= lr_t * (m / (sqrt(v) + eps_t));
    }
}

extern "C" __global__ void rmsprop(
    long long n, const long long *device_fault, Table table, T sign,
    T lr, T alpha, T one_minus_alpha, T eps, T weight_decay, T momentum, long long centered)
{
    if (*device_fault)
        return;
    FOR_EACH(i, n) {
        long long j = i;
        const Row &row = row_of(table, j);
        T &p = row.p[j], &v = row.state[0][j];
        T g = sign * row.g[j] + weight_decay * p;
        v = alpha * v + one_minus_alpha * (g * g);
        T variance = v;
        if (centered) {
            T &m = row.state[1][j];
            m = alpha * m + one_minus_alpha * g;
            variance -= m * m;
        }
        T step = g / (sqrt(variance) + eps);
        if (momentum) {
            T &b = row.state[2][j];
            b = momentum * b + step;
            step = b;
        }
        p -= lr * step;
    }
}

extern "C" __global__ void adagrad(
    long long n, const long long *device_fault, Table table, T sign, T lr_t, T weight_decay, T eps)
{
    if (*device_fault)
        return;
    FOR_EACH(i, n) {
        long long j = i;
        const Row &row = row_of(table, j);
        T &p = row.p[j], &s = row.state[0][j];
        T g = sign * row.g[j] + weight_decay * p;
        s += g * g;
        p -= lr_t * (g / (sqrt(s) + eps));
    }
}
