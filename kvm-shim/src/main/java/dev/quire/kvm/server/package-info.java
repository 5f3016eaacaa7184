/**
 * The KVM service: sockets, processes of clients, one thread each, and what they may use up. The
 * calls themselves are {@code kvm.vm}'s and the architectures'.
 */
package dev.quire.kvm.server;
