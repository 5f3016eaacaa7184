/** The modelled host that VMs stand on: its memory, its kernel and the processes of the clients. */
package dev.quire.kvm.host;
