/** The only code that crosses into native: Unicorn and Capstone. */
package dev.quire.bindings;
