// Blocks of threads that wait for one another at __syncthreads(), on a CPU: what stands before a
// kernel with barriers when g++ compiles it. See emulated_kernel.py.
//
// One block runs at a time. Its threads are fibers that take turns, in the order of their numbers
// or against it: what one writes and another reads without a barrier between them then gives two
// results. With REAL_THREADS they are threads, for ThreadSanitizer. Shared memory starts as NaN,
// and what lies behind it must stay as it is.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#ifdef REAL_THREADS
#include <pthread.h>
#include <thread>
#include <vector>
#define OF_A_THREAD thread_local
#else
#include <ucontext.h>
#define OF_A_THREAD
#endif

using namespace std;

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(threads, blocks)
#define __shared__
#define __align__(bytes) __attribute__((aligned(bytes)))

struct Dim { // CUDA's are of 32 bits, too
    unsigned int x, y;
};

static OF_A_THREAD Dim threadIdx;
static Dim blockIdx, blockDim, gridDim;

const size_t SHARED = 232448, GUARD = 4096; // bytes of a Hopper's multiprocessor, and behind them
extern "C" {
alignas(16) unsigned char shared_memory[SHARED + GUARD];
}

// Why a launch is refused; the names are in emulated_kernel.py.
enum Fault { NONE, DIVERGED, WROTE_BEHIND };

#ifdef REAL_THREADS

static pthread_barrier_t barrier;

static void __syncthreads()
{
    pthread_barrier_wait(&barrier);
}

template <class Kernel> static Fault run_block(const Kernel &kernel, bool)
{
    pthread_barrier_init(&barrier, nullptr, blockDim.x);
    vector<thread> threads;
    for (long long i = 0; i < blockDim.x; i++)
        threads.emplace_back([&, i] {
            threadIdx = {(unsigned int)i, 0};
            kernel();
        });
    for (thread &one : threads)
        one.join();
    pthread_barrier_destroy(&barrier);
    return NONE;
}

#else

const size_t MOST_THREADS = 1024, STACK = 64 * 1024; // of a block, and bytes of each

struct Fiber {
    ucontext_t context;
    char *stack; // kept, since it takes long to make
    bool ended;
};

static Fiber fibers[MOST_THREADS];
static ucontext_t scheduler;
static Fiber *running;
static const void *kernel_of_block;

static void __syncthreads()
{
    swapcontext(&running->context, &scheduler);
}

template <class Kernel> static void start()
{
    (*(const Kernel *)kernel_of_block)();
    running->ended = true;
    swapcontext(&running->context, &scheduler);
}

// Rounds, each from one barrier to the next: all threads reach it, or all end.
template <class Kernel> static Fault run_block(const Kernel &kernel, bool descending)
{
    size_t count = blockDim.x, ended = 0;
    kernel_of_block = &kernel;
    for (size_t i = 0; i < count; i++) {
        Fiber &fiber = fibers[i];
        fiber.ended = false;
        if (fiber.stack == nullptr)
            fiber.stack = new char[STACK];
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack;
        fiber.context.uc_stack.ss_size = STACK;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, (void (*)())start<Kernel>, 0);
    }
    while (ended == 0) {
        for (size_t i = 0; i < count; i++) {
            size_t number = descending ? count - 1 - i : i;
            threadIdx = {(unsigned int)number, 0};
            running = &fibers[number];
            swapcontext(&scheduler, &running->context);
            ended += running->ended;
        }
    }
    return ended == count ? NONE : DIVERGED;
}

#endif

template <class Kernel>
static Fault run_grid(
    const Kernel &kernel, Dim grid, Dim block, size_t shared_bytes, bool descending)
{
    gridDim = grid;
    blockDim = block;
    for (unsigned int y = 0; y < grid.y; y++) {
        for (unsigned int x = 0; x < grid.x; x++) {
            blockIdx = {x, y};
            memset(shared_memory, 0xff, sizeof shared_memory);
            Fault fault = run_block(kernel, descending);
            if (fault != NONE)
                return fault;
            for (size_t i = shared_bytes; i < shared_bytes + GUARD; i++)
                if (shared_memory[i] != 0xff)
                    return WROTE_BEHIND;
        }
    }
    return NONE;
}

// As CUDA takes arguments: an address of each.
template <class... A, size_t... I>
static void call(void (*kernel)(A...), void **args, index_sequence<I...>)
{
    kernel(*(A *)args[I]...);
}

template <class... A>
static Fault launch(
    void (*kernel)(A...), void **args, const long long *sizes, bool descending)
{
    auto run = [&] { call(kernel, args, index_sequence_for<A...>{}); };
    Dim grid = {(unsigned int)sizes[0], (unsigned int)sizes[1]};
    return run_grid(run, grid, {(unsigned int)sizes[2], 1}, sizes[3], descending);
}
