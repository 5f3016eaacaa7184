/** Unmodified programs of /dev/kvm under a private instance of the service. */
package dev.quire.lab.exec;
