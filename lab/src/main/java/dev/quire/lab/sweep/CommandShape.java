package dev.quire.lab.sweep;

import java.util.Set;

/**
 * What a command takes, as far as a spec needs to know it.
 *
 * @param valued names of options with a value, without dashes
 * @param flags names of options without one
 */
public record CommandShape(Set<String> valued, Set<String> flags) {
  boolean has(String option) {
    return valued.contains(option) || flags.contains(option);
  }
}
