package config

import (
	"errors"
	"math/big"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

var errPrefix = errors.New("expected a prefix, as \"10.0.0.0/8\"")

func networkFunctions() map[string]function.Function {
	prefix := function.Parameter{Name: "prefix", Type: cty.String}
	numberParam := func(name string) function.Parameter { return function.Parameter{Name: name, Type: cty.Number} }
	bits := numberParam("newbits")
	return map[string]function.Function{
		"cidrhost": function.New(&function.Spec{
			Params: []function.Parameter{prefix, numberParam("hostnum")}, Type: function.StaticReturnType(cty.String), Impl: cidrHost,
		}),
		"cidrnetmask": function.New(&function.Spec{
			Params: []function.Parameter{prefix}, Type: function.StaticReturnType(cty.String), Impl: cidrNetmask,
		}),
		"cidrsubnet": function.New(&function.Spec{
			Params: []function.Parameter{prefix, bits, numberParam("netnum")}, Type: function.StaticReturnType(cty.String), Impl: cidrSubnet,
		}),
		"cidrsubnets": function.New(&function.Spec{
			Params: []function.Parameter{prefix}, VarParam: &bits, Type: function.StaticReturnType(cty.List(cty.String)), Impl: cidrSubnets,
		}),
	}
}

// addrInt is an address as a number.
func addrInt(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

// intAddr is a number as an address with the same width as like.
func intAddr(n *big.Int, like netip.Addr) (netip.Addr, bool) {
	buf := make([]byte, like.BitLen()/8)
	if n.Sign() < 0 || n.BitLen() > like.BitLen() {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(n.FillBytes(buf))
}

func parsePrefix(v cty.Value) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(v.AsString())
	if err != nil {
		return p, function.NewArgError(0, errPrefix)
	}
	return p.Masked(), nil
}

// whole reads an integer argument.
func whole(v cty.Value, arg int) (*big.Int, error) {
	n, acc := v.AsBigFloat().Int(nil)
	if acc != big.Exact {
		return nil, function.NewArgErrorf(arg, "expected a whole number")
	}
	return n, nil
}

func cidrHost(args []cty.Value, _ cty.Type) (cty.Value, error) {
	p, err := parsePrefix(args[0])
	if err != nil {
		return cty.DynamicVal, err
	}
	n, err := whole(args[1], 1)
	if err != nil {
		return cty.DynamicVal, err
	}
	span := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
	if n.Sign() < 0 {
		n.Add(n, span)
	}
	if n.Sign() < 0 || n.Cmp(span) >= 0 {
		return cty.DynamicVal, function.NewArgErrorf(1, "the prefix does not hold so many hosts")
	}
	a, ok := intAddr(n.Add(n, addrInt(p.Addr())), p.Addr())
	if !ok {
		return cty.DynamicVal, function.NewArgErrorf(1, "the prefix does not hold so many hosts")
	}
	return cty.StringVal(a.String()), nil
}

func cidrNetmask(args []cty.Value, _ cty.Type) (cty.Value, error) {
	p, err := parsePrefix(args[0])
	if err != nil {
		return cty.DynamicVal, err
	}
	if !p.Addr().Is4() {
		return cty.DynamicVal, function.NewArgErrorf(0, "IPv6 has no netmasks")
	}
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 32), new(big.Int).Lsh(big.NewInt(1), uint(32-p.Bits())))
	a, _ := intAddr(all, p.Addr())
	return cty.StringVal(a.String()), nil
}

// subnetAt is the n-th prefix of a length within p.
func subnetAt(p netip.Prefix, length int, n *big.Int) (netip.Prefix, bool) {
	if length < p.Bits() || length > p.Addr().BitLen() || n.Sign() < 0 || n.BitLen() > length-p.Bits() {
		return netip.Prefix{}, false
	}
	offset := new(big.Int).Lsh(n, uint(p.Addr().BitLen()-length))
	a, ok := intAddr(offset.Add(offset, addrInt(p.Addr())), p.Addr())
	return netip.PrefixFrom(a, length), ok
}

// newLength is the length of a prefix with some bits more.
func newLength(p netip.Prefix, v cty.Value, arg int) (int, error) {
	n, err := whole(v, arg)
	if err != nil {
		return 0, err
	}
	if n.Sign() < 0 || !n.IsInt64() || n.Int64() > int64(p.Addr().BitLen()-p.Bits()) {
		return 0, function.NewArgErrorf(arg, "the prefix has not so many bits left")
	}
	return p.Bits() + int(n.Int64()), nil
}

func cidrSubnet(args []cty.Value, _ cty.Type) (cty.Value, error) {
	p, err := parsePrefix(args[0])
	if err != nil {
		return cty.DynamicVal, err
	}
	length, err := newLength(p, args[1], 1)
	if err != nil {
		return cty.DynamicVal, err
	}
	n, err := whole(args[2], 2)
	if err != nil {
		return cty.DynamicVal, err
	}
	sub, ok := subnetAt(p, length, n)
	if !ok {
		return cty.DynamicVal, function.NewArgErrorf(2, "the prefix does not hold so many networks")
	}
	return cty.StringVal(sub.String()), nil
}

// cidrSubnets lays networks of the given sizes one behind the other, each at its own boundary.
func cidrSubnets(args []cty.Value, _ cty.Type) (cty.Value, error) {
	p, err := parsePrefix(args[0])
	if err != nil {
		return cty.DynamicVal, err
	}
	next := addrInt(p.Addr())
	var list []cty.Value
	for i, v := range args[1:] {
		length, err := newLength(p, v, i+1)
		if err != nil {
			return cty.DynamicVal, err
		}
		size := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-length))
		if rest := new(big.Int).Mod(next, size); rest.Sign() != 0 {
			next.Add(next, size.Sub(size, rest))
			size = new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-length))
		}
		a, ok := intAddr(next, p.Addr())
		if !ok || !p.Contains(a) {
			return cty.DynamicVal, function.NewArgErrorf(i+1, "the prefix is full")
		}
		list = append(list, cty.StringVal(netip.PrefixFrom(a, length).String()))
		next = new(big.Int).Add(next, size)
	}
	if len(list) == 0 {
		return cty.ListValEmpty(cty.String), nil
	}
	return cty.ListVal(list), nil
}
