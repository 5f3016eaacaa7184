/** A VM without its architecture, and the ports an architecture fills in. */
package dev.quire.kvm.vm;
