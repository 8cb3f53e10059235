//! Numbers: quantised blocks, scalar reference, SIMD per instruction set, the thread pool.
