package dev.quire.lab.cli;

import java.io.PrintStream;
import java.nio.file.Path;

/**
 * What one run of the command line sees of the world; tests give their own.
 *
 * @param out guest console and results
 * @param err progress and messages
 * @param outIsTerminal whether a person reads {@code out}
 * @param errIsTerminal whether a person reads {@code err}
 * @param colours whether escape sequences are welcome on a terminal
 * @param commit what the build was made from, as the launcher tells it
 * @param launcher the script that started this process, null if none did
 * @param runner boots guests
 */
public record Invocation(
    PrintStream out,
    PrintStream err,
    boolean outIsTerminal,
    boolean errIsTerminal,
    boolean colours,
    String commit,
    Path launcher,
    GuestRunner runner) {}
