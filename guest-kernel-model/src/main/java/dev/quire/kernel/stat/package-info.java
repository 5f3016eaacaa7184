/** What the modelled kernel counts. Plain data; prices stand in {@code dev.quire.kernel.cost}. */
package dev.quire.kernel.stat;
