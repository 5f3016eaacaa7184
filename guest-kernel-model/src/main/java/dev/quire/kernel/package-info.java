/**
 * The modelled Linux kernel. Its main role is the <em>host</em> kernel under a guest, which the
 * module's name does not say; the same code can serve as a synthetic guest's own mm.
 *
 * <p>{@link dev.quire.kernel.mm} is memory itself, {@link dev.quire.kernel.kvm} what KVM makes of
 * it. Tables are written through {@link dev.quire.mmu.PteFormat}; no architecture is known here.
 */
package dev.quire.kernel;
