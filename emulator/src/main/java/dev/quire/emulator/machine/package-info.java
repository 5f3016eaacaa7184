/**
 * Machines: composition of vCPUs, memory and devices, and the loop that gives vCPUs their turns on
 * one executor thread in virtual time.
 */
package dev.quire.emulator.machine;
