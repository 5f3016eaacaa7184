/**
 * The modelled Linux kernel. Its main role is the host kernel under a guest; the same code can
 * serve as a guest's own mm.
 */
package dev.quire.kernel;
