/** Host memory: frames and their storage, allocation, and the address space behind a guest. */
package dev.quire.kernel.mm;
