// Templates and the standard library, as C++ programs have them: it is compiled, not run.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N> struct node {
    using value = std::variant<int, std::string, std::vector<node<N - 1>>>;
    std::map<std::string, value> fields;
    std::function<int(const value &)> measure = [](const value &v) {
        return static_cast<int>(v.index()) + N;
    };
};
template <> struct node<0> {
    std::tuple<int, double, std::string> leaf;
};

template <int N> int walk(const node<N> &n)
{
    int sum = 0;
    for (const auto &[name, value] : n.fields) {
        sum += n.measure(value) + static_cast<int>(name.size());
        if (auto list = std::get_if<std::vector<node<N - 1>>>(&value))
            if constexpr (N > 1)
                sum += std::accumulate(list->begin(), list->end(), 0,
                                       [](int s, const node<N - 1> &child) { return s + walk(child); });
    }
    return sum;
}

int main()
{
    node<24> root;
    std::unordered_map<std::string, std::shared_ptr<node<12>>> index;
    std::regex words("([a-z]+)-([0-9]+)");
    std::cout << walk(root) + static_cast<int>(index.size()) << '\n';
}
