/** Open file descriptions of the service, and who calls them. */
package dev.quire.kvm.fd;
