/** Threads that page memory in at the same time: locks, wait queues and cache lines they share. */
package dev.quire.lab.contention;
