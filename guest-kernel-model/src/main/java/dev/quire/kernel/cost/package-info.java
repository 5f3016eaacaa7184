/**
 * Prices for what the modelled kernel counts. A count never depends on a price; the files prices
 * come from are read elsewhere.
 */
package dev.quire.kernel.cost;
