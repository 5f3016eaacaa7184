package dev.quire.emulator.machine;

import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.device.EventQueue;

/** What a board is built from; shared by both. */
record MachineParts(
    MachineConfig config,
    MachineClock clock,
    EventQueue events,
    DeviceBus bus,
    Outcome outcome,
    PowerStates power,
    GuestHost host) {}
