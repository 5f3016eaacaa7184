/**
 * Guest files and boot protocols. A file is hostile until proven otherwise: every reader checks
 * bounds first, and whatever is wrong is a {@link dev.quire.emulator.boot.BadGuestException} of one
 * line.
 *
 * <p>{@link dev.quire.emulator.boot.BootLoader} turns a {@link dev.quire.emulator.boot.BootRequest}
 * into a {@link dev.quire.emulator.boot.BootPlan}: what to write to guest memory, and the state of
 * the boot CPU. The machine carries it out.
 */
package dev.quire.emulator.boot;
