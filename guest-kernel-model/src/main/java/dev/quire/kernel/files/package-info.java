/**
 * The files of all kinds that a modelled kernel can open: puts {@link dev.quire.kernel.filemap} and
 * {@link dev.quire.kernel.gmem} together, of which neither makes files of the other.
 */
package dev.quire.kernel.files;
