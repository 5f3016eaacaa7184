/** The devices of the "pc" machine: interrupt controllers, timers, serial port, CMOS, exits. */
package dev.quire.emulator.device.x86;
