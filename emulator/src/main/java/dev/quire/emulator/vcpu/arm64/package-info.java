/**
 * What an Arm processor does around the instructions the engine executes: taking exceptions to EL1,
 * system registers, TLB maintenance, PSCI calls.
 */
package dev.quire.emulator.vcpu.arm64;
