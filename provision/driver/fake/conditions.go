package fake

import "strconv"

// test is test(1) with one, two or three words, and !.
func (m *machine) test(args []string) int {
	if n := len(args); n > 0 && args[n-1] == "]" {
		args = args[:n-1]
	}
	not := false
	for len(args) > 1 && args[0] == "!" {
		not, args = !not, args[1:]
	}
	var holds bool
	switch len(args) {
	case 0:
	case 1:
		holds = args[0] != ""
	case 2:
		holds = m.testOne(args[0], args[1])
	default:
		holds = testTwo(args[0], args[1], args[2])
	}
	if holds != not {
		return 0
	}
	return 1
}

func (m *machine) testOne(op, a string) bool {
	switch op {
	case "-n":
		return a != ""
	case "-z":
		return a == ""
	case "-t":
		return m.p.TTY
	}
	f, err := m.s.lookUp(m.b, clean(m.top().Dir, a))
	if err != nil {
		return false
	}
	switch op {
	case "-f":
		return !f.Dir
	case "-d":
		return f.Dir
	case "-s":
		return len(f.Content) > 0
	case "-x":
		return f.Dir || f.Mode&0o111 != 0
	}
	return op == "-e" || op == "-r" || op == "-w"
}

func testTwo(a, op, b string) bool {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	switch op {
	case "=", "==":
		return a == b
	case "!=":
		return a != b
	case "-eq":
		return x == y
	case "-ne":
		return x != y
	case "-gt":
		return x > y
	case "-lt":
		return x < y
	case "-ge":
		return x >= y
	case "-le":
		return x <= y
	}
	return false
}
