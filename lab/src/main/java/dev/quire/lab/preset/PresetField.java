package dev.quire.lab.preset;

/**
 * One field of a preset, as it was read.
 *
 * @param path where it stands: {@code l2.stlb.entries}
 * @param value as written
 * @param source the document it comes from
 * @param confidence how sure it is
 */
public record PresetField(String path, String value, String source, Confidence confidence) {}
