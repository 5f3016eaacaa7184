/** Prices per machine as files, and the fit that finds those nobody published. */
package dev.quire.lab.cost;
