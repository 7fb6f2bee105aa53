// Command greet is what the box builds.
package main

import "fmt"

func main() { fmt.Println("hello from a box of the catalogue") }
