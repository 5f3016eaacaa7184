/**
 * {@code quire mm replay}: scripts of memory operations with what a real kernel answered, run on
 * the modelled kernel and compared field by field. A file is read as a stream of cases; whatever is
 * wrong with it is an error with file, line, case and operation, never a pass.
 */
package dev.quire.lab.replay;
