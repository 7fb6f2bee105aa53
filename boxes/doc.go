// Package boxes finds box definitions: in the catalogue that is built into envy, in directories and archives of the checkout, and among the boxes that were added. It
// knows what `from` may name and where a definition's files lie; it must not know engines, plans, or what a definition
// says, which is the language's business.
package boxes
