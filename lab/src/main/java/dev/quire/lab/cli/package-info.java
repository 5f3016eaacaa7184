/**
 * The command line. {@link dev.quire.lab.cli.Quire} is the entry point; every command talks to the
 * outside through an {@link dev.quire.lab.cli.Invocation}, and to guests through {@link
 * dev.quire.lab.cli.GuestRunner}.
 */
package dev.quire.lab.cli;
