/** Memory regions and second-stage tables as Linux's KVM keeps them. */
package dev.quire.kernel.kvm;
