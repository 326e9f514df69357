#include "standin/connector/witness_pg.h"

#include "pg/spi.h"

namespace standin::core {

namespace {

using std::chrono::steady_clock;

// What a copy lacks of this time only is not noticed.
constexpr std::chrono::seconds period{1};

// The first call of a process only hears what stands; one more goes in its place. An adoption may race with the copy
// that it puts an end to.
constexpr int callsMaximum = 4;

} // namespace

bool witnessAgrees(const CoreConfig& config) {
    static pg::Statement state("SELECT standin_private.core_witness_state($1) = 'agreed'");
    return config.witnessFunction.empty() || state.run(config.core)[0].get<bool>(0);
}

bool Witness::due(const CoreConfig& config) const {
    return !config.witnessFunction.empty() && (!agreedAt_ || steady_clock::now() - *agreedAt_ >= period);
}

void Witness::makeClaim(const CoreConfig& config) {
    static pg::Statement make("SELECT instance, claim FROM standin_private.core_claim_make($1)");
    worker_.transaction([&] {
        const pg::Rows made = make.run(config.core);
        mark_.instance = made[0].get<std::string>(0);
        mark_.claim = made[0].get<std::string>(1);
        ForceSyncCommit();
    });
}

std::optional<Answer> Witness::ask(const CoreConfig& config, const Call& call) {
    static pg::Statement hear("SELECT standin_private.core_claim_answered($1, $2, $3)");
    if (mark_.claim.empty())
        makeClaim(config);
    for (int calls = 0; calls < callsMaximum; ++calls) {
        Answer answer = call(mark_);
        if (answer.outcome != Outcome::posted)
            return answer;
        const std::string standing = answer.reference;
        const std::string verdict =
            worker_.transaction([&] { return hear.run(config.core, mark_.claim, standing)[0].get<std::string>(0); });
        if (verdict == "another")
            return std::nullopt;
        mark_.follows = standing;
        if (verdict == "agreed") {
            mark_.claim.clear();
            agreedAt_ = steady_clock::now();
            return answer;
        }
    }
    return Answer{.message = "another copy of this database speaks to the core's witness", .coreFault = true};
}

} // namespace standin::core
