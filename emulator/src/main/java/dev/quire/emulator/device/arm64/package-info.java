/** The devices of the "virt" machine: GICv2, generic timer, PL011, PL031, PSCI, exits. */
package dev.quire.emulator.device.arm64;
