// The official SDK of Mailchimp for Node, unchanged, pointed by its client's own `basePath`. Prints what it read.
const mailchimp = require('@mailchimp/mailchimp_marketing')
mailchimp.basePath = process.env.MAILCHIMP_URL
mailchimp.setConfig({ apiKey: process.env.MAILCHIMP_KEY, server: process.env.MAILCHIMP_KEY.split('-').pop() })

async function pages(ask, key, count = 100) {
  const found = []
  let total
  do {
    const answer = await ask({ count, offset: found.length })
    found.push(...answer[key])
    total = answer.total_items
    if (answer[key].length === 0) break
  } while (found.length < total)
  if (found.length !== total) throw new Error(`${key}: ${found.length} of ${total}`)
  return found
}

async function main() {
  const ping = await mailchimp.ping.get()
  if (!ping.health_status) throw new Error('no ping')
  const [{ id: audience }] = (await mailchimp.lists.getAllLists()).lists
  const members = await pages((options) => mailchimp.lists.getListMembersInfo(audience, options), 'members')
  const [tag] = (await mailchimp.lists.listSegments(audience, { type: 'static' })).segments
  const tagged = await pages((options) => mailchimp.lists.getSegmentMembersList(audience, String(tag.id), options), 'members')
  const [{ id: campaign }] = (await mailchimp.campaigns.list({ status: 'sent' })).campaigns
  const report = await mailchimp.reports.getCampaignReport(campaign)
  const emails = await pages((options) => mailchimp.reports.getEmailActivityForCampaign(campaign, options), 'emails')
  const left = await pages((options) => mailchimp.reports.getUnsubscribedListForCampaign(campaign, options), 'unsubscribes')
  const orders = await pages((options) => mailchimp.ecommerce.getStoreOrders('shop', options), 'orders')
  const activity = {}
  for (const { action } of emails.flatMap((email) => email.activity)) activity[action] = (activity[action] || 0) + 1
  return {
    members: members.map(({ email_address, status }) => `${email_address} ${status}`).sort(),
    'tag members': tagged.map(({ email_address }) => email_address).sort(),
    activity,
    unsubscribes: left.map(({ email_address }) => email_address).sort(),
    report: {
      emails_sent: report.emails_sent,
      opens_total: report.opens.opens_total,
      unique_opens: report.opens.unique_opens,
      clicks_total: report.clicks.clicks_total,
      unique_subscriber_clicks: report.clicks.unique_subscriber_clicks,
      unsubscribed: report.unsubscribed,
    },
    orders: orders.map(({ id }) => id).sort(),
  }
}

main().then(
  (found) => console.log(JSON.stringify(found)),
  (error) => {
    console.error(error.response?.text ?? error)
    process.exit(1)
  },
)
