/** vCPUs, devices, boot protocols and virtual time. */
package dev.quire.emulator;
